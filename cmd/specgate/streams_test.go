package main

const event = `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":" a","index":0,"logprobs":null,"finish_reason":null}]}`
