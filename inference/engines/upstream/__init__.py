"""Another server that speaks `/v1/videos` makes the videos: vLLM-Omni, SGLang, FastVideo or a second Mutoscope."""
