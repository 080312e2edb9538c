package example;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.OpenAIServiceException;
import com.openai.errors.UnauthorizedException;
import com.openai.errors.UnprocessableEntityException;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionChoice;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.completions.CompletionUsage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * OpenAI's SDK for Java against a running specgate.
 *
 * <p>OPENAI_BASE_URL (with /v1) and OPENAI_API_KEY say which, as the SDK reads them itself; MODEL is specgate-1
 * where it is not set. Exits with 1 where a scenario fails.
 */
public final class Scenarios {
  private static final String MODEL = Objects.requireNonNullElse(System.getenv("MODEL"), "specgate-1");
  private static final String PROMPT = "The capital of France is";

  private final OpenAIClient client =
      OpenAIOkHttpClient.builder().fromEnv().maxRetries(0).timeout(Duration.ofSeconds(30)).build();

  private Scenarios() {}

  public static void main(String[] args) {
    Scenarios scenarios = new Scenarios();
    Map<String, Runnable> steps = new LinkedHashMap<>();
    steps.put("completion", scenarios::completion);
    steps.put("stream", scenarios::stream);
    steps.put("logprobs", scenarios::logprobs);
    steps.put("unprocessable", scenarios::unprocessable);
    steps.put("unauthorized", scenarios::unauthorized);
    int failed = 0;
    for (Map.Entry<String, Runnable> step : steps.entrySet()) {
      try {
        step.getValue().run();
        System.out.println("ok   java " + step.getKey());
      } catch (RuntimeException | AssertionError e) {
        failed = 1;
        System.out.println("FAIL java " + step.getKey());
        e.printStackTrace();
      }
    }
    System.exit(failed);
  }

  private static CompletionCreateParams.Builder asked() {
    return CompletionCreateParams.builder().model(MODEL).prompt(PROMPT);
  }

  private void completion() {
    Completion answer = client.completions().create(asked().maxTokens(8).seed(1).build());
    answer.validate();
    CompletionChoice choice = answer.choices().get(0);
    equal(MODEL, answer.model());
    check(!choice.text().isEmpty(), answer);
    CompletionUsage usage = answer.usage().orElseThrow();
    check(usage.completionTokens() > 0 && usage.completionTokens() <= 8, answer);
    equal(usage.totalTokens(), usage.promptTokens() + usage.completionTokens());
  }

  private void stream() {
    CompletionCreateParams.Builder asked = asked().maxTokens(8).seed(1).temperature(0);
    Completion whole = client.completions().create(asked.build());
    asked.streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build());
    List<Completion> chunks = new ArrayList<>();
    try (StreamResponse<Completion> response = client.completions().createStreaming(asked.build())) {
      response.stream().forEach(chunks::add);
    }
    check(chunks.size() > 2, chunks);
    StringBuilder text = new StringBuilder();
    chunks.forEach(chunk -> chunk.choices().forEach(choice -> text.append(choice.text())));
    equal(whole.choices().get(0).text(), text.toString());
    equal(whole.usage(), chunks.get(chunks.size() - 1).usage());
  }

  private void logprobs() {
    Completion answer = client.completions().create(asked().maxTokens(5).logprobs(3).temperature(0).build());
    CompletionChoice choice = answer.choices().get(0);
    CompletionChoice.Logprobs found = choice.logprobs().orElseThrow();
    List<String> tokens = found.tokens().orElseThrow();
    equal(choice.text(), String.join("", tokens));
    equal((long) PROMPT.length(), found.textOffset().orElseThrow().get(0));
    check(found.tokenLogprobs().orElseThrow().stream().allMatch(logprob -> logprob <= 0), answer);
    equal(tokens.size(), found.topLogprobs().orElseThrow().size());
  }

  private void unprocessable() {
    OpenAIServiceException error = refused(client, asked().temperature(3).build());
    check(error instanceof UnprocessableEntityException, error);
    equal(422, error.statusCode());
    equal("temperature", error.param().orElseThrow());
    equal("less_than_equal", error.code().orElseThrow());
    check(error.getMessage().contains("temperature"), error);
  }

  private void unauthorized() {
    OpenAIServiceException error = refused(client.withOptions(options -> options.apiKey("sg-wrong")), asked().build());
    check(error instanceof UnauthorizedException, error);
    equal("invalid_api_key", error.code().orElseThrow());
    check(error.getMessage().contains("API key"), error);
  }

  private static OpenAIServiceException refused(OpenAIClient client, CompletionCreateParams asked) {
    try {
      throw new AssertionError("it was accepted: " + client.completions().create(asked));
    } catch (OpenAIServiceException e) {
      return e;
    }
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
