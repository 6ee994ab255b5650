"""Drives diffusers pipelines. With runners/diffusers, the only room that imports torch.

`interface` says what may be asked of an engine, `stepping` does it with the parts of a pipeline,
`loop` makes the orders of all engines, `loading` brings weights to life and `tiny` makes some.
"""
