package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What two language models write after the same prompts, each taking the likeliest token every time.
///
/// @param prompts how many
/// @param tokens that each model wrote after each prompt
/// @param share of all these tokens that equal the reference's at the same place, 0 to 1; after the first other token
///     most differ, so that one early slip costs the whole rest
/// @param identical prompts after which both wrote the same to the end
/// @param decoded whether the samples are text; else they are token ids
/// @param samples in the data's order
public record GeneratedText(
        int prompts, int tokens, double share, int identical, boolean decoded, List<Sample> samples) {
    public GeneratedText {
        Values.nonNegative("generated.prompts", prompts);
        Values.nonNegative("generated.tokens", tokens);
        Values.nonNegative("generated.identical", identical);
        if (!(share >= 0 && share <= 1)) {
            throw new IllegalArgumentException("generated.share must be 0 to 1, but was " + share);
        }
        samples = Values.list(samples);
    }

    /// `87.3 % of 2,000 tokens equal …`: the figures as a sentence.
    public String summary() {
        return ("%s of %s tokens are the reference's: %s prompts, %s tokens after each, always the likeliest; after %s both"
                        + " write the same to the end")
                .formatted(
                        Figures.percent((Double) share),
                        Figures.count((long) prompts * tokens),
                        Figures.count((long) prompts),
                        Figures.count((long) tokens),
                        Figures.count((long) identical));
    }

    /// One prompt and what follows.
    ///
    /// @param name of the sample that the prompt is the beginning of
    /// @param prompt as text, or as token ids with spaces between
    /// @param reference what the reference wrote, such as the float model
    /// @param text what the model wrote
    /// @param share of its tokens that equal the reference's, 0 to 1
    /// @param firstDifference the place of the first other token, from 0; absent where there is none
    public record Sample(
            String name,
            String prompt,
            String reference,
            String text,
            double share,
            @Nullable Integer firstDifference) {
        public Sample {
            Values.present("generated.samples[].name", name);
            Values.present("generated.samples[].prompt", prompt);
            Values.present("generated.samples[].reference", reference);
            Values.present("generated.samples[].text", text);
        }
    }
}
