"""The engines by the names that descriptors use. Importing this imports no engine."""

ENGINES = {
    "camera": "inference.engines.camera.engine:CameraEngine",
    "i2vgenxl": "inference.engines.i2vgenxl.engine:I2VGenXLEngine",
    "ltx2": "inference.engines.ltx2.engine:LTX2Engine",
    "scripted": "inference.engines.scripted.engine:ScriptedEngine",
    "upstream": "inference.engines.upstream.engine:UpstreamEngine",
    "wan": "inference.engines.wan.engine:WanEngine",
}
"""Name to `module:Class`, imported only where the model runs."""

OPTIONS = {
    "i2vgenxl": "inference.engines.i2vgenxl.options:I2VGenXLOptions",
    "ltx2": "inference.engines.ltx2.options:LTX2Options",
    "upstream": "inference.engines.upstream.options:UpstreamOptions",
    "wan": "inference.engines.wan.options:WanOptions",
}
"""Name to the class of the engine's options, which imports no torch. An engine that is missing here takes none."""
