import kinetik

client = kinetik.client('kinesis')

response = client.put_record(
    StreamName='my-kinesis-stream',
    Data='Hello, Kinesis!',
    PartitionKey='partitionkey'
)

print(response['SequenceNumber'])
