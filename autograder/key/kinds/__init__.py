"""Kinds of questions, each asked and judged in one way: formulas, networks, loops, runs …"""
