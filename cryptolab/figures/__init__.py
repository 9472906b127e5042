"""Draws what it is given and computes nothing: plotly figures in one style (`style`), made where they are asked for."""
