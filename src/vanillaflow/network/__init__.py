"""FeedforwardNetwork: weights, biases, slopes; and its numbers in the precision of a file."""
