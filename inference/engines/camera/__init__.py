"""A virtual camera over the still picture: no neural network, no torch, any machine.

`motion` reads the move out of the prompt and the seed, `depth` guesses what lies near, `shot` turns both into frames.
"""
