/** Name of the images in a batch whose views the device makes, beside one matrix of draws per view. */
export const SOURCE = 'source';
