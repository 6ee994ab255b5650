"""Group `engine`: pictures of the engine beside those of the stock pipeline called in a loop."""
