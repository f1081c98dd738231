"""Runs the full pipeline with all of its outputs and reads the summary.

How to run it:
    python examples/run_pipeline.py SOURCE ENGINE.onnx OUT_FOLDER [--calibration CAL.yaml]

The script writes the video, the logs, the snapshots and summary.json to OUT_FOLDER; see
docs/outputs.md.
"""

import argparse

import inspector


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("engine")
    parser.add_argument("out")
    parser.add_argument("--calibration")
    arguments = parser.parse_args()

    summary = inspector.run_pipeline(
        arguments.source,
        arguments.engine,
        arguments.out,
        calibration=arguments.calibration,
        settings={"output.snapshots.max_count": 10},  # any key of config.yaml
    )
    print(
        f"{summary['captured']} frames: {summary['passed']} pass, {summary['failed']} fail, "
        f"{summary['errored']} could not be judged, {summary['dropped']} dropped"
    )
    print(f"defects by severity: {summary['defects']['by_severity']}")


if __name__ == "__main__":
    main()
