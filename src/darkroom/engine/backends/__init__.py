"""Ways to compute the modules of a pipeline: as they are, compiled, or by OpenVINO.

`interface` says what an engine may ask, `calls` gives the modules of every family one form,
`choice` makes what a setting names. None of them knows of orders, schedules or pictures.
"""
