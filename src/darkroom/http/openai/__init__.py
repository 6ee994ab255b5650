"""OpenAI's Images API in front of any model that makes pictures; the rest of the wire is next door.

Source: OpenAI's published API reference, Images.
"""
