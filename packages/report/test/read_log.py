"""Reads a log folder with TensorBoard's own code and prints what it found as JSON."""
import json
import sys

from google.protobuf import text_format
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

folder = sys.argv[1]
everything = {"scalars": 0, "histograms": 0, "images": 0}
log = EventAccumulator(folder, size_guidance=everything)
log.Reload()
with open(f"{folder}/projector_config.pbtxt") as file:
    projector = text_format.Parse(file.read(), ProjectorConfig())
histogram = log.Histograms("scores/global/raw/posHistogram")[-1]
image = log.Images("views/1")[0]
print(json.dumps({
    "scalars": {tag: [[e.step, e.value, e.wall_time] for e in log.Scalars(tag)] for tag in ["loss", "learningRate"]},
    "histograms": sorted(log.Tags()["histograms"]),
    "histogram": {
        "step": histogram.step,
        "time": histogram.wall_time,
        "num": histogram.histogram_value.num,
        "limits": histogram.histogram_value.bucket_limit,
        "counts": histogram.histogram_value.bucket,
    },
    "image": [image.step, image.wall_time, image.width, image.height, image.encoded_image_string.hex()[:16]],
    "embedding": [projector.embeddings[0].tensor_name, projector.embeddings[0].tensor_path, list(projector.embeddings[0].sprite.single_image_dim)],
}))
