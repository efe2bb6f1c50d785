"""MANGO OFFICE's virtual PBX: its events, and what it is asked and told (telephony.md 3).

Every event comes to one address, signed, in parallel with the others and in any order. What belongs together is put
together by folding; here each event is read for itself.
"""

from patchcord.telephony.mango.envelope import verify
from patchcord.telephony.mango.reader import read

__all__ = ["read", "verify"]
