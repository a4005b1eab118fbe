"""How many threads a training takes, on machines that are made up."""

import pytest
import torch

from handful.training.threads import Threads, share_given, threads_restored


def train(threads: Threads, seconds: float, free: float) -> tuple[int, list[int]]:
    """Steps in the time on a machine of `threads.most` cores of which `free` (a share of each but one) is ours.

    A step is as slow as its slowest thread: one thread has a core for itself, more share with a neighbour.
    """
    clock, counts = 0.0, []
    while clock < seconds:
        pace = 1.0 if threads.count == 1 else threads.count * free
        step = 0.2 / pace
        used = step if threads.count == 1 else step * threads.count * (0.5 + 0.5 * free if free < 1 else 1)
        clock += step
        threads.note(step, used)
        counts.append(threads.count)
    return len(counts), counts


def test_a_quiet_machine_is_never_tried_with_fewer():
    steps, counts = train(Threads(2), 60, free=1.0)
    assert set(counts) == {2}
    assert steps == 600


def test_one_thread_where_a_neighbour_is_busy():
    steps, counts = train(Threads(2), 60, free=0.2)
    assert counts[-1] == 1
    assert steps > 0.8 * 300  # of those that one thread has time for; two would have had time for 120


def test_all_cores_again_when_the_neighbour_is_gone():
    threads = Threads(2)
    train(threads, 30, free=0.2)
    assert threads.count == 1
    train(threads, 120, free=1.0)
    assert threads.count == 2


def test_trials_that_do_not_pay_become_rare():
    threads = Threads(4)
    _, counts = train(threads, 2000, free=0.45)  # four threads at .45 are faster than two of them
    late = counts[len(counts) // 2 :]
    assert threads.count == 4
    assert 0 < sum(one < 4 for one in late) < 0.1 * len(late)


def test_one_core_is_one_thread():
    _, counts = train(Threads(1), 10, free=1.0)
    assert set(counts) == {1}


def test_it_begins_with_half_of_them_where_they_do_not_get_their_time():
    crowded, quiet, alone = Threads(4), Threads(4), Threads(1)
    crowded.begin(0.5)
    quiet.begin(0.95)
    alone.begin(0.1)
    assert (crowded.count, quiet.count, alone.count) == (2, 4, 1)
    _, counts = train(crowded, 60, free=1.0)
    assert counts[-1] == crowded.most == 4


def test_the_share_given_is_one():
    with threads_restored():
        torch.set_num_threads(1)
        assert 0 < share_given() < 1.2


def test_threads_are_restored_whatever_happens():
    def fail_in_more():
        with threads_restored():
            torch.set_num_threads(before + 1)
            raise ZeroDivisionError

    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        fail_in_more()
    assert torch.get_num_threads() == before
