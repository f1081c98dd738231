"""Checks the pictures of a camera: are they like the good pictures, and do they change?"""
