"""Hostile submissions: none gains a point, leaves its box, or spoils the next one."""
