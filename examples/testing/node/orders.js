'use strict'
// A service as it runs in production: it knows the AWS SDK and nothing of kinetik.

const { KinesisClient, PutRecordsCommand } = require('@aws-sdk/client-kinesis')

class Orders {
  #kinesis
  constructor(config) {
    this.#kinesis = new KinesisClient(config)
  }

  /** Sends orders, again where the service refused some, three times at most. */
  async send(orders) {
    let left = orders.map(({ user, item }) => ({ PartitionKey: user, Data: Buffer.from(item) }))
    for (let attempt = 0; attempt < 3 && left.length > 0; attempt += 1) {
      const { Records } = await this.#kinesis.send(new PutRecordsCommand({ StreamName: 'orders', Records: left }))
      left = left.filter((_, at) => Records[at].ErrorCode)
    }
    if (left.length > 0) throw new Error(`${left.length} orders were not taken`)
  }
}

module.exports = { Orders }
