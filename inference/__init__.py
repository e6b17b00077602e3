"""Turning a still picture and a sentence into frames: requests, limits, pictures, engines, encoding, devices.

Plain Python: no Django, no Redis. torch, diffusers and transformers are imported below `inference.engines.i2vgenxl`
alone, so a web process can import everything else.
"""
