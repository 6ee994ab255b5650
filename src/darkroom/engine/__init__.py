"""Drives diffusers pipelines. With runners/diffusers, the only room that imports torch."""
