//! One page of ListStreams, of ListShards and of ListStreamConsumers.

use kinetik::api::{
    ListShardsInput, ListStreamConsumersInput, ListStreamsInput, StreamModeDetails,
};

use crate::address::{Verdict, arn, name};
use crate::consumers::consumer_name;
use crate::paging::Listing;
use crate::shards::{Filter, shard_id};
use crate::streams::mode_name;
use crate::world::{World, at};

impl World {
    pub fn list_streams(
        &mut self,
        input: ListStreamsInput,
        limit: Option<u8>,
        after: Option<u8>,
        verdict: Verdict,
    ) {
        let input = ListStreamsInput {
            limit: limit.map(i32::from),
            ..input
        };
        let Some(output) = self.expect(input, None, verdict) else {
            return;
        };
        let mut names: Vec<u8> = self.streams.keys().copied().collect();
        names.retain(|&name| after.is_none_or(|after| name > after));
        let page = names.len().min(limit.map_or(100, usize::from));
        assert!(
            output
                .stream_names
                .iter()
                .map(|name| name.to_string())
                .eq(names[..page].iter().map(|&one| name(one)))
        );
        let summaries = output.stream_summaries.unwrap();
        assert_eq!(summaries.len(), page);
        for (told, one) in summaries.iter().zip(&names) {
            let stream = &self.streams[one];
            let mode = mode_name(stream.on_demand).into();
            assert_eq!(
                (told.stream_name.to_string(), told.stream_arn.to_string()),
                (name(*one), arn(*one))
            );
            assert_eq!(told.stream_status, stream.status());
            assert_eq!(
                told.stream_mode_details,
                Some(StreamModeDetails {
                    stream_mode: Some(mode)
                })
            );
            assert_eq!(told.stream_creation_timestamp, Some(at(stream.created)));
        }
        let more = page < names.len();
        assert_eq!(output.has_more_streams, more);
        let of = more.then(|| Listing::Streams {
            after: names[page - 1],
        });
        self.note_page(output.next_token, of);
    }

    pub fn list_some_shards(
        &mut self,
        input: ListShardsInput,
        about: Option<u8>,
        stream: u8,
        (filter, after): (Filter, Option<usize>),
        limit: Option<u8>,
        verdict: Verdict,
    ) {
        let input = ListShardsInput {
            max_results: limit.map(i32::from),
            ..input
        };
        let Some(output) = self.expect(input, about, verdict) else {
            return;
        };
        let model = &self.streams[&stream];
        let mut places = model.listed(filter, self.now);
        places.retain(|&place| after.is_none_or(|after| place > after));
        let page = places.len().min(limit.map_or(1_000, usize::from));
        let told = output.shards.unwrap();
        assert!(
            told.iter()
                .map(|shard| shard.shard_id.to_string())
                .eq(places[..page].iter().map(|&place| shard_id(place))),
            "{told:?} for {places:?} by {filter:?}"
        );
        let of = (page < places.len()).then(|| Listing::Shards {
            stream,
            incarnation: model.incarnation,
            filter,
            after: places[page - 1],
        });
        self.note_page(output.next_token, of);
    }

    pub fn list_consumers(
        &mut self,
        input: ListStreamConsumersInput,
        stream: u8,
        limit: Option<u8>,
        after: Option<u8>,
        verdict: Verdict,
    ) {
        let input = ListStreamConsumersInput {
            max_results: limit.map(i32::from),
            ..input
        };
        let Some(output) = self.expect(input, Some(stream), verdict) else {
            return;
        };
        let model = &self.streams[&stream];
        let mut names: Vec<u8> = model.consumers.keys().copied().collect();
        names.retain(|&name| after.is_none_or(|after| name > after));
        let page = names.len().min(limit.map_or(100, usize::from));
        let told = output.consumers.unwrap();
        assert_eq!(told.len(), page);
        for (told, name) in told.iter().zip(&names) {
            let consumer = &model.consumers[name];
            assert_eq!(told.consumer_name, consumer_name(*name));
            assert_eq!(told.consumer_arn, *consumer.arn);
            assert_eq!(told.consumer_status, consumer.status(self.now));
            assert_eq!(told.consumer_creation_timestamp, at(consumer.created));
        }
        let of = (page < names.len()).then(|| Listing::Consumers {
            stream,
            incarnation: model.incarnation,
            after: names[page - 1],
        });
        self.note_page(output.next_token, of);
    }
}
