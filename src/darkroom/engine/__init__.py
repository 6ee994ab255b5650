"""Drives diffusers pipelines. With runners/diffusers, the only room that imports torch.

`interface` says what a runner may ask, `stock` does it with the pipelines as they are, `loading`
brings a folder of weights to life and `tiny` makes such folders with random weights.
"""
