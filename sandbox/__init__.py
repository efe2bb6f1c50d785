"""The local stand: fake CRMs, telephony players, and the host that runs template.yaml."""
