// kinetik for Node: what `import … from 'kinetik'` gives.

import kinetik from './index.js'

export default kinetik

export const {
  Producer, Reader, Batch, Record, Client, client, Engine, Server,
  aggregate, deaggregate, hashKey, ShardMap, version,
  KinetikError,
  InvalidArgumentError, InvalidTypeError, RecordTooLargeError,
  ClosedError, BufferFullError, ForkedError, InvalidHandleError, TimedOutError, FlushTimeoutError, DeliveryError,
  ExpiredError, OrderBrokenError, CancelledError,
  NotFoundError, ResourceInUseError, LimitExceededError, ThrottledError, AccessDeniedError, UnauthenticatedError,
  ExpiredIteratorError, ExpiredTokenError, EncryptionError, UnavailableError, DryRunError, UnsupportedError, RefusedError,
  ConnectionError, ProtocolError, CorruptAggregateError, InternalError,
} = kinetik
