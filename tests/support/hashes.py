# SPDX-License-Identifier: Apache-2.0
"""Passwords as bcrypt keeps them, with the smallest cost."""

FOO = "$2a$04$n8GjLrMd5dVY6MK7rp2vpeDQ0CLtLprvnYvPv6s65M0r2h1a20ioa"  # "foo"
BAR = "$2a$04$abcdefghijklmnopqrstuuEnktNu4dNa/sMz6nY.lAbxawdTTajT2"  # "bar"
