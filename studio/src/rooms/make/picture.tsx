// The start image, with the crop as the API makes it: centred, to fill the size, or padded with black
// (shared/domain/media/pictures.py). Browsers turn a picture upright as the API does.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { sides } from "../../api/sizes";
import { change, draft, picture, usePicture } from "../../store/draft";
import { make as words } from "../../strings";
import { Button } from "../../ui/button";
import { Choice, FieldError } from "../../ui/field";
import { errorOf } from "./composer";
import { type Chosen, startImage } from "./form";
import { problem } from "./submit";

const TYPES = ["image/jpeg", "image/png", "image/webp", "image/avif"];
const LARGEST = 20 * 1024 * 1024;

/** A picture that was dropped or pasted anywhere on the form. */
export function acceptFiles(event: Event, from: DataTransfer | null): void {
  const [file] = from?.files ?? [];
  if (!file) return;
  event.preventDefault();
  void accept(file);
}

async function accept(file: File): Promise<void> {
  const refused = !TYPES.includes(file.type)
    ? words.notPicture
    : file.size > LARGEST
      ? words.pictureTooLarge
      : null;
  if (refused) return refuse(refused);
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    return refuse(words.notPicture);
  }
  problem.value = null;
  usePicture({ file, url, width: image.naturalWidth, height: image.naturalHeight });
}

function refuse(message: string): void {
  problem.value = {
    message,
    type: "invalid_request_error",
    param: "input_reference",
    code: "invalid_value",
    retryable: false,
    charged: false,
  };
}

export function StartImage({ choice }: { choice: Chosen }) {
  const input = useRef<HTMLInputElement>(null);
  const over = useSignal(false);
  if (!choice.takesPicture) return null;
  const image = startImage.value;
  return (
    <div class="field picture">
      <span class="legend" id="picture-label">
        {words.picture}
      </span>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        accept={TYPES.join(",")}
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file) void accept(file);
          event.currentTarget.value = "";
        }}
      />
      {image ? (
        <Crop size={choice.size} />
      ) : (
        <button
          type="button"
          class={`drop ${over.value ? "over" : ""}`}
          aria-describedby="input_reference-error"
          onClick={() => input.current?.click()}
          onDragEnter={() => (over.value = true)}
          onDragLeave={() => (over.value = false)}
          onDrop={() => (over.value = false)}
        >
          <b>{words.choosePicture}</b>
          <span>{words.pictureHint}</span>
        </button>
      )}
      <FieldError id="input_reference" error={errorOf("input_reference")} />
    </div>
  );
}

function Crop({ size }: { size: string }) {
  const image = picture.value;
  if (!image) return null;
  const [width, height] = sides(size);
  const { fit } = draft.value;
  // of the picture's sides, what remains of a crop to the size's shape
  const wider = image.width * height > width * image.height;
  const kept = wider ? (image.height * width) / (image.width * height) : (image.width * height) / (image.height * width);
  const cut = `${((1 - kept) / 2) * 100}%`;
  return (
    <>
      {fit === "cover" ? (
        <div class="crop" style={{ aspectRatio: `${image.width} / ${image.height}` }}>
          <img src={image.url} alt="" class="cut-off" />
          <img
            src={image.url}
            alt={words.pictureAlt}
            style={{ clipPath: wider ? `inset(0 ${cut})` : `inset(${cut} 0)` }}
          />
        </div>
      ) : (
        <div class="crop bars" style={{ aspectRatio: `${width} / ${height}` }}>
          <img src={image.url} alt={words.pictureAlt} />
        </div>
      )}
      <p class="hint">{fit === "cover" ? words.cropped(Math.round((1 - kept) * 100)) : ""}</p>
      <Choice
        legend={words.picture}
        name="fit"
        options={["cover", "contain"] as const}
        value={fit}
        onChoose={(chosen) => change({ fit: chosen })}
        text={(option) => words[option]}
      />
      <Button kind="quiet" onClick={() => usePicture(null)}>
        {words.removePicture}
      </Button>
    </>
  );
}
