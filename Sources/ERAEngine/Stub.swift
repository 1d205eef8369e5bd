import Metrics
import Crypto
