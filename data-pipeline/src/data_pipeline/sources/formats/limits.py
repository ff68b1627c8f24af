"""Bounds that keep one odd file from taking the machine."""

MEGABYTE = 1 << 20
# What is held at once while reading, and what a CSV row or a line of JSON may have at most.
BATCH_BYTES = 8 * MEGABYTE
BATCH_ROWS = 10_000
RECORD_BYTES = 32 * MEGABYTE
# A mail beyond this is cut; the largest a mail server accepts is usually 25 to 50 MB.
MAIL_BYTES = 32 * MEGABYTE
