"""Decode untrusted bytes to a plain RGB image: see `inference.image_decoding.decode`.

The libraries that decode pixels receive files that were rebuilt from the parts that hold pixels. Orientation and color
are read by this package. So no metadata reaches a library, and broken metadata cannot refuse an image.
"""
