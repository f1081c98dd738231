"""Finds thin lines and small marks by their contrast, beside any method.

The features of a backbone hardly change where a line is thinner than about two pixels of the input.
So the contrast of short lines in 16 directions is compared with that of the good pictures, and the
result is merged into the map and the score of the method.
"""
