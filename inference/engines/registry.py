"""The engines by the names that descriptors use. Importing this imports no engine."""

ENGINES = {
    "camera": "inference.engines.camera.engine:CameraEngine",
    "i2vgenxl": "inference.engines.i2vgenxl.engine:I2VGenXLEngine",
    "scripted": "inference.engines.scripted.engine:ScriptedEngine",
}
"""Name to `module:Class`, imported only where the model runs."""
