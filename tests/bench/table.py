"""The table that every benchmark prints: what was measured, against what, and their ratio. Lines of one width, so that the
scripts' tables, one below the other, are one.
"""


def head():
    print(f"{'':58}{'measured':>10}{'against':>10} {'':7}{'ratio':>7}  aim")


def row(name, measured, against, unit, aim, digits=1):
    """`against` is an ideal, a limit or a peer of the same run; `aim` is what the ratio has to be, such as `<= 1.05`."""
    if against:
        ratio = measured / against
        sign, bound = aim.split()
        met = ratio <= float(bound) if sign == "<=" else ratio >= float(bound)
        end = f"{ratio:7.3f}  {aim}{'' if met else '  MISSED'}"
    else:
        # Nothing may be there at all.
        end = f"{'':7}  none{'' if measured == 0 else '  MISSED'}"
    print(f"{name:58}{measured:10.{digits}f}{against:10.{digits}f} {unit:7}{end}", flush=True)
