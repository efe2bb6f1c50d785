"""A stand-in of the MANGO OFFICE VPBX API (telephony.md 3), stateful, served over HTTP.

It imitates one account ("product"): the signed envelope and its codes 3100-3105 and 3400, the limits of a product, the
block after the second invalid request, the commands with their asynchronous results, employees, groups and lines,
recordings behind single-use links, and both statistics. Nothing is called by it: the results that MANGO would send to us
are taken with `MangoTwin.results` and delivered by whoever drives the twin, as are the events of a call (it makes none).

Assumptions, where telephony.md is silent or marks a fact with `?`:

* A command that is accepted is answered `{"result":1000}`; only the status counts. `command_id` is required.
* HTTP status of an error: 420 in the edition of 2017 (documented); in that of 2026 400, and 404 for what does not exist
  (33xx, also a recording that is not ready: 3320). The 2026 manual's own table of status classes says something else:
  2xx for a wrong method, 4xx for wrong parameters, 5xx for a missing object; `edition="2026-table"` does as it says, with
  `result` for the code in a 200.
* The request that exceeds "one invalid request in two minutes" is itself answered 401, in the shape of the 429. Every
  3xxx counts, so 3320 does too, although the manual says to ask for a late recording about once a minute; with
  `missing_counts=False` the 33xx are not counted. A code inside an asynchronous result never counts.
* Checks come in this order: block, method, the three fields, key, signature, limit, JSON, parameters.
* Digits alone, `sip:user@host` and numbers of the account are numbers; a plus, blanks and brackets are refused (3104).
  A short number (up to six digits) that the account does not have gives the result 3200. Lines are named by digits or by
  a SIP line's name, never by its URI; a line the account does not have gives 3100, when any lines were seeded.
* Statistics of calls (JSON) read dates as `DD.MM.YYYY HH:MM:SS` or `YYYY-MM-DD HH:MM:SS` in UTC+3 (MANGO takes all that
  PHP's DateTime takes). A report is forgotten one minute after it is ready. A month is 31 days.
* A link to a file lives five minutes, or until it is first opened; then 404.

What it cannot do: TLS, the list of allowed addresses, the limits that MANGO's customers share, billing (2xxx), schedules
and dial algorithms of employees (a routed call always rings), the call's own events, `events/sms`, schemas, sips, trunks,
the links that ask for a login, call tracking, speech analytics, the contact centre, the address book.
"""

from sandbox.telephony.mango_twin.history import Part
from sandbox.telephony.mango_twin.server import RunningMango, serve
from sandbox.telephony.mango_twin.state import Leg
from sandbox.telephony.mango_twin.switchboard import Command, Result
from sandbox.telephony.mango_twin.twin import MangoTwin

__all__ = ["Command", "Leg", "MangoTwin", "Part", "Result", "RunningMango", "serve"]
