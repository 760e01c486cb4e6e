"""What runs beside student code in a box, probes apart: neutral, and all that a student could
read.
"""
