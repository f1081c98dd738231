"""Options for the rule that chooses thresholds, and for the pictures that it is chosen from."""

import argparse
from pathlib import Path

from learning.thresholds.folds import Scheme
from learning.thresholds.rules import ASK, KEEP, RULES, SUSPECTS, WITH_DEFECTS, Rule, default_rule

PARAMETERS = {"false_alarm_rate": "rate", "promise": "promise", "q": "q", "k": "k"}
"""Option -> parameter of a rule."""


def add_rule_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("how thresholds are chosen").add_argument
    add(
        "--rule",
        choices=list(RULES),
        help="(default: robust; conformal with --false-alarm-rate or --promise, and for an engine "
        "with --suspects keep or drop; f1_max or cost with defective pictures)",
    )
    add(
        "--false-alarm-rate",
        type=_share,
        metavar="RATE",
        help="conformal, robust: on average at most this share of new good pictures fails; "
        "default: 0.05, or 1/(pictures + 1) if that is larger, or a lower rate that finds as many "
        "simulated defects",
    )
    add(
        "--promise",
        type=_share,
        metavar="X/N",
        help="conformal: with 95 %% confidence at most this share of new good pictures fails with "
        "this engine, such as 1/100",
    )
    add("--q", type=float, help="percentile: which percentile of the scores (default: 99.5)")
    add(
        "--k",
        type=float,
        help="mean_sigma, median_mad: standard deviations above the middle (default: 3); iqr: "
        "interquartile ranges above the third quartile (default: 1.5)",
    )


def add_scheme_options(parser: argparse.ArgumentParser) -> None:
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--folds",
        type=int,
        help="number of parts of the good pictures; each part is scored by a model that was fitted "
        "without it (default: 10, or one part per picture for up to 20 pictures)",
    )
    either.add_argument(
        "--hold-out",
        type=_share,
        metavar="SHARE",
        help="share of the good pictures, such as 0.2, that is kept out of fitting; only these "
        "pictures choose the thresholds, and there are no folds",
    )


def chosen_rule(arguments: argparse.Namespace) -> Rule:
    """Raises ConfigError for a parameter that the rule does not have."""
    values = {name: getattr(arguments, option) for option, name in PARAMETERS.items()}
    parameters = {name: value for name, value in values.items() if value is not None}
    rule, suspects = arguments.rule, getattr(arguments, "suspects", ASK)
    if getattr(arguments, "cost", None) is not None:
        rule = rule or "cost"
        parameters |= dict(zip(("miss", "false_alarm"), arguments.cost, strict=True))
    elif rule is None:
        stated = parameters.keys() & {"rate", "promise"}
        anomalous = bool(getattr(arguments, "anomalous", ()))
        rule = "conformal" if stated else default_rule(suspects, anomalous=anomalous).name
    if suspects == KEEP and rule in WITH_DEFECTS:
        parameters["keep_odd"] = 1
    return Rule(rule, parameters)


def add_anomalous_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("with pictures of real defects").add_argument
    add(
        "--anomalous",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        metavar="DIR",
        help="folders of defective pictures (about ten or more) that are in no test set: they "
        "choose the thresholds, and in fit without --method also the settings",
    )
    add(
        "--cost",
        type=_cost,
        metavar="MISS:FALSE",
        help="with --anomalous: cost of a defective picture that passes against a good one that "
        "fails, such as 10:1; the pictures are taken to be as frequent as in the folders (default: "
        "the threshold with the highest F1)",
    )


def _cost(text: str) -> tuple[float, float]:
    miss, colon, false_alarm = text.partition(":")
    try:
        costs = float(miss), float(false_alarm)
    except ValueError:
        colon = ""
    if not colon or not all(0 < each < float("inf") for each in costs):
        raise argparse.ArgumentTypeError(f"{text!r} must be two numbers above 0, such as 10:1")
    return costs


def add_suspects_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--suspects",
        choices=SUSPECTS,
        default=ASK,
        help="whether good pictures that stand out belong to good product. ask: not known; they "
        "are named and do not raise the threshold. keep: yes, they count like the others. drop: "
        "no, they are not used (%(default)s)",
    )


def chosen_scheme(arguments: argparse.Namespace) -> Scheme:
    return Scheme(folds=arguments.folds, held_out=arguments.hold_out)


def _share(text: str) -> float:
    """A number, or X/N."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError) as exc:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a number or X/N, such as 0.01 or 1/100"
        ) from exc
