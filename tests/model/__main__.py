"""Prints what the model finds: `python -m tests.model`."""

from tests.model.explore import explore
from tests.model.variants import VARIANTS, WORLDS


def main() -> None:
    """Goes through the worlds, in which all must hold, and the variants, which must break."""
    print("The protocol as it is:")
    for name, rules in WORLDS.items():
        print(f"  {name}: {explore(rules)}", flush=True)
    for variant in VARIANTS:
        print(f"\nWithout a safeguard: {variant.name}\n{variant.explored()}", flush=True)


if __name__ == "__main__":
    main()
