"""docs/first-deployment.md is what somebody sees who builds the reference deployment by hand."""

import os

import recording
from deployment import KEY, PASSWORD


def test_EX_1_a_deployment_by_hand_looks_as_the_document_shows_it():
    wrong = recording.difference("rec")
    assert not wrong, "write it again: ./dev recording\n" + "\n".join(wrong)


def test_the_recording_shows_no_secret_and_fits_the_terminal():
    text = recording.PAGE.read_text(encoding="utf-8")
    assert KEY not in text and PASSWORD not in text
    inside = False
    for line in text.splitlines():
        inside = inside != line.startswith("```")
        assert not inside or len(line) <= 80, line
