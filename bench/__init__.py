"""Measurements: stock Odoo and the gateway at the same work, side by side.

A workload is one class in a file of its own, listed in `bench/command.py`.
"""


def main(arguments):
    """Run `./dev bench` with these arguments and return the exit code."""
    from bench import command  # late: inside Odoo's process only the workloads are wanted

    return command.main(arguments)
