package example;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import specgate.client.ApiClient;
import specgate.client.ApiException;
import specgate.client.api.CompletionsApi;
import specgate.client.api.ModelsApi;
import specgate.client.model.Completion;
import specgate.client.model.CompletionChoice;
import specgate.client.model.CompletionChunk;
import specgate.client.model.CompletionChunkChoice;
import specgate.client.model.CompletionRequest;
import specgate.client.model.CompletionRequestStreamOptions;
import specgate.client.model.CompletionUsage;
import specgate.client.model.Error;
import specgate.client.model.Logprobs;
import specgate.client.model.Model;
import specgate.client.model.ValidationError;
import specgate.client.model.Violation;

/**
 * The client that openapi-generator makes of openapi.yaml, against a running specgate.
 *
 * <p>SPECGATE_URL (without /v1) and TOKEN say which; MODEL is specgate-1 where it is not set. Exits
 * with 1 where a scenario fails.
 */
public final class Scenario {
  private static final String URL = env("SPECGATE_URL", "http://127.0.0.1:8420");
  private static final String TOKEN = env("TOKEN", "");
  private static final String MODEL = env("MODEL", "specgate-1");
  private static final String PROMPT = "The capital of France is";

  private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final ObjectMapper mapper = ApiClient.createDefaultObjectMapper();
  private final CompletionsApi completions = new CompletionsApi(client(TOKEN));
  private final ModelsApi models = new ModelsApi(client(TOKEN));

  private Scenario() {}

  private interface Step {
    void run() throws Exception;
  }

  public static void main(String[] args) {
    Scenario scenario = new Scenario();
    Map<String, Step> steps = new LinkedHashMap<>();
    steps.put("completion", scenario::completion);
    steps.put("batch", scenario::batch);
    steps.put("tokens", scenario::tokens);
    steps.put("choices", scenario::choices);
    steps.put("logprobs", scenario::logprobs);
    steps.put("stream", scenario::stream);
    steps.put("violations", scenario::violations);
    steps.put("unauthorized", scenario::unauthorized);
    steps.put("models", scenario::models);
    int failed = 0;
    for (Map.Entry<String, Step> step : steps.entrySet()) {
      try {
        step.getValue().run();
        System.out.println("ok   java " + step.getKey());
      } catch (Exception | AssertionError e) {
        failed = 1;
        System.out.println("FAIL java " + step.getKey());
        e.printStackTrace();
      }
    }
    System.exit(failed);
  }

  private void completion() throws ApiException {
    Completion answer = complete(new CompletionRequest().model(MODEL).prompt(PROMPT).maxTokens(8L).seed(1L));
    CompletionChoice choice = answer.getChoices().get(0);
    equal(Completion.ObjectEnum.TEXT_COMPLETION, answer.getObject());
    equal(MODEL, answer.getModel());
    check(!choice.getText().isEmpty(), answer);
    check(choice.getLogprobs() == null, answer);
    check(choice.getFinishReason() != null, answer);
    CompletionUsage usage = answer.getUsage();
    check(usage.getCompletionTokens() > 0 && usage.getCompletionTokens() <= 8, answer);
    equal(usage.getTotalTokens(), usage.getPromptTokens() + usage.getCompletionTokens());
  }

  private void batch() throws ApiException {
    Completion answer = complete(new CompletionRequest().model(MODEL).prompt(List.of("one", "two")).maxTokens(2L).echo(true));
    equal(List.of(0L, 1L), answer.getChoices().stream().map(CompletionChoice::getIndex).toList());
    equal(List.of("one", "two"), answer.getChoices().stream().map(choice -> choice.getText().substring(0, 3)).toList());
  }

  private void tokens() throws ApiException {
    Completion one = complete(new CompletionRequest().model(MODEL).prompt(List.of(9906, 4435)).maxTokens(2L));
    equal(1, one.getChoices().size());
    equal(2L, one.getUsage().getPromptTokens());
    Completion two = complete(new CompletionRequest().model(MODEL).prompt(List.of(List.of(9906, 4435), List.of(9906))).maxTokens(2L));
    equal(2, two.getChoices().size());
    equal(3L, two.getUsage().getPromptTokens());
  }

  private void choices() throws ApiException {
    // The client sends the defaults of fields that are not set, and best_of 1 does not go with n 2.
    Completion answer = complete(new CompletionRequest().model(MODEL).prompt(PROMPT).maxTokens(2L).n(2).bestOf(null));
    equal(List.of(0L, 1L), answer.getChoices().stream().map(CompletionChoice::getIndex).toList());
  }

  private void logprobs() throws ApiException {
    Completion answer = complete(new CompletionRequest().model(MODEL).prompt(PROMPT).maxTokens(4L).logprobs(2).temperature(0.0));
    CompletionChoice choice = answer.getChoices().get(0);
    Logprobs found = choice.getLogprobs();
    equal(choice.getText(), String.join("", found.getTokens()));
    equal(found.getTokens().size(), found.getTokenLogprobs().size());
    check(found.getTokenLogprobs().stream().allMatch(logprob -> logprob <= 0), answer);
    check(found.getTopLogprobs().stream().allMatch(top -> top.size() == 2), answer);
  }

  private void stream() throws Exception {
    CompletionRequest asked = new CompletionRequest().model(MODEL).prompt(PROMPT).maxTokens(8L).seed(1L).temperature(0.0);
    Completion whole = complete(asked);
    StringBuilder text = new StringBuilder();
    List<String> reasons = new ArrayList<>();
    List<CompletionUsage> usages = new ArrayList<>();
    int[] count = {0};
    chunks(asked.streamOptions(new CompletionRequestStreamOptions().includeUsage(true)), chunk -> {
      count[0]++;
      for (CompletionChunkChoice choice : chunk.getChoices()) {
        text.append(choice.getText());
        if (choice.getFinishReason() != null) {
          reasons.add(choice.getFinishReason().getValue());
        }
      }
      if (chunk.getUsage() != null) {
        usages.add(chunk.getUsage());
      }
    });
    check(count[0] > 2, count[0]);
    equal(whole.getChoices().get(0).getText(), text.toString());
    equal(List.of(whole.getChoices().get(0).getFinishReason().getValue()), reasons);
    equal(List.of(whole.getUsage()), usages);
  }

  private void violations() throws Exception {
    ApiException refused = refused(completions, new CompletionRequest().model(MODEL).prompt(List.of(9906, -1)).n(0).temperature(3.0));
    equal(422, refused.getCode());
    ValidationError error = mapper.readValue(refused.getResponseBody(), ValidationError.class);
    equal(List.of("greater_than_equal", "greater_than_equal", "less_than_equal"), error.getDetail().stream().map(Violation::getType).toList());
    equal(List.of(List.of("body", "prompt", 1), List.of("body", "n"), List.of("body", "temperature")), error.getDetail().stream().map(Violation::getLoc).toList());
    equal("prompt.1", error.getError().getParam());
  }

  private void unauthorized() throws Exception {
    ApiException refused = refused(new CompletionsApi(client("sg-wrong")), new CompletionRequest().model(MODEL).prompt(PROMPT));
    equal(401, refused.getCode());
    Error error = mapper.readValue(refused.getResponseBody(), Error.class);
    equal("invalid_api_key", error.getError().getCode());
  }

  private void models() throws ApiException {
    check(models.listModels(null, null).getData().stream().anyMatch(model -> model.getId().equals(MODEL)), MODEL);
    Model one = models.retrieveModel(MODEL, null, null);
    equal(MODEL, one.getId());
  }

  private Completion complete(CompletionRequest request) throws ApiException {
    return completions.createCompletion(request, null, null);
  }

  private static ApiException refused(CompletionsApi api, CompletionRequest request) {
    try {
      throw new AssertionError("it was accepted: " + api.createCompletion(request, null, null));
    } catch (ApiException e) {
      return e;
    }
  }

  /** Reads a stream to [DONE], which the generated client cannot; fails where it ends before. */
  private void chunks(CompletionRequest request, Consumer<CompletionChunk> each) throws IOException, InterruptedException {
    HttpRequest asked = HttpRequest.newBuilder(URI.create(URL + "/v1/completions"))
        .header("Authorization", "Bearer " + TOKEN)
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofByteArray(mapper.writeValueAsBytes(request.stream(true))))
        .build();
    HttpResponse<Stream<String>> response = http.send(asked, HttpResponse.BodyHandlers.ofLines());
    try (Stream<String> lines = response.body()) {
      if (response.statusCode() != 200) {
        throw new IOException("refused: " + String.join("\n", lines.toList()));
      }
      for (Iterator<String> line = lines.iterator(); line.hasNext(); ) {
        String event = line.next();
        if (!event.startsWith("data:")) { // a blank line, or the comment that keeps the connection
          continue;
        }
        String data = event.substring("data:".length()).strip();
        if (data.equals("[DONE]")) {
          return;
        }
        JsonNode json = mapper.readTree(data);
        if (json.has("error")) {
          throw new IOException("the generation broke off: " + mapper.treeToValue(json, Error.class).getError().getMessage());
        }
        each.accept(mapper.treeToValue(json, CompletionChunk.class));
      }
    }
    throw new IOException("the stream broke off before [DONE]");
  }

  private static ApiClient client(String token) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(URL);
    client.setReadTimeout(Duration.ofSeconds(30));
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    return client;
  }

  private static String env(String name, String absent) {
    return Objects.requireNonNullElse(System.getenv(name), absent);
  }

  private static void check(boolean holds, Object what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  private static void equal(Object want, Object got) {
    check(Objects.equals(want, got), "want " + want + ", got " + got);
  }
}
