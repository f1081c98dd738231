"""The process that writes the report at the end of a run; session_report.py starts it."""

import sys
from pathlib import Path

from inspector.core.errors import InspectorError
from inspector.outputs.folder import REPORT
from inspector.report.options import CHECK_PDF
from inspector.report.pdf import load_weasyprint
from inspector.report.writing import write_report


def main() -> int:
    """Arguments: the folder of the run and the version of the program; or CHECK_PDF. Writes one
    sentence if it fails."""
    try:
        if sys.argv[1] == CHECK_PDF:
            load_weasyprint()
        else:
            folder = Path(sys.argv[1])
            write_report([folder], folder / REPORT, {}, program=sys.argv[2])
    except InspectorError as exc:
        sys.stdout.write(f"{exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
