"""A running Tidecast as pandas data frames.

    import tidecast
    client = tidecast.Client("http://127.0.0.1:8080")
    client.sql("SELECT * FROM tx_metrics ORDER BY event_time DESC LIMIT 5")
"""

from .client import Client
from .errors import BadRequest, NotFound, Refused, ServerError, TidecastError, TruncatedWarning, Unavailable

__all__ = ["BadRequest", "Client", "NotFound", "Refused", "ServerError", "TidecastError", "TruncatedWarning",
           "Unavailable"]
__version__ = "0.1.0"
