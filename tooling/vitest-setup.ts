// tfjs-core alone has no gradients: they are registered by the union package (in Node also through tfjs-node).
import '@tensorflow/tfjs';
