"""A model checker of the protocol: every order in which things can happen to one job.

What is proved. From a job that was just enqueued, `explore` takes every step that anybody could
take next, from every state that it meets, until there are no new ones. It judges each step
(`properties`), and at the end whether every state leads to an end. No step is a sample: what holds
here holds in every order of these steps, as often as they are repeated.

Who takes steps. Workers (`workers`): claim, check, write, hear or not, settle, die at any moment;
a pause is a step that comes late, and every step may. Twilio (`twilio`): takes a request or not,
with the answer heard or lost, also when nobody waits for it any more; calls back at any moment,
again, or never; leaves a text out of its list until its lag is over. The sweep, promotion and
reconcilers (`upkeep`). A caller who cancels, and a person who decides (`people`). The queue entry,
its lease, the hints in Redis and their loss (`entries`). A commit that its worker never hears of,
at the claim and at the settle.

What is real. The transitions (`messaging.domain.job`), what an answer is
(`messaging.twilio.classify`), what it comes to (`messaging.domain.outcome`), what a read of the
list proves (`messaging.domain.doubt`), what the bridge does with an entry
(`messaging.domain.entries`): the model asks the product (`decisions`). The SQL statements are
written again, in Python (`statements`); a test puts the same rows through both.

What bounds it. One job; one or two workers and reconcilers; one retry of the job's own. Time is
counted in ticks of 15 s, and rounded against the protocol: a request is taken, and listed, as late
as the quiescence time just allows. Attempts are told apart as "the last" and "an earlier one",
ages end where they make no difference, and so the states are finite though nothing limits how
often a step is repeated. Native scheduling and several jobs with one body are not in it.

How far it bites. Each variant (`variants`) lacks one safeguard and must break a named promise, with
one of the shortest traces to it. `python -m tests.model` prints them all, with the states seen.
"""
