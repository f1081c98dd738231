"""Iterates over the inspections of a video, a camera or a folder, without writing files.

How to run it:
    python examples/inspect_video.py SOURCE ENGINE.onnx [--stop-after N]

SOURCE: a video file, a folder of pictures, a URL, a camera index or "synthetic". With --stop-after,
the script ends after N frames with the verdict FAIL or ERROR.
"""

import argparse

import inspector


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("engine")
    parser.add_argument("--stop-after", type=int, metavar="N")
    arguments = parser.parse_args()

    failed = 0
    with inspector.inspect(arguments.source, arguments.engine) as inspections:
        for inspection in inspections:
            if inspection.verdict == "PASS":
                continue
            # ERROR: the frame could not be judged. It never counts as a PASS.
            score = inspection.error or f"score {inspection.score:.3f}"
            print(f"frame {inspection.frame_id}: {inspection.verdict}, {score}")
            failed += 1
            if failed == arguments.stop_after:
                break  # leaving `with` releases the source and ends the threads
        counts = inspections.counts
    print(f"{failed} of {counts['captured']} captured frames did not pass")


if __name__ == "__main__":
    main()
