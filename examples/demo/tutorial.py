import boto3

client = boto3.client('kinesis')

response = client.put_record(
    StreamName='my-kinesis-stream',
    Data='Hello, Kinesis!',
    PartitionKey='partitionkey'
)

print(response['SequenceNumber'])
