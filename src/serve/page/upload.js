// Files on their way to the service: from a drop, a picker or the clipboard, with their progress.
import { authorization, refusal, ApiError } from './api.js';
import { app, chooseFiles, offline, say } from './app-state.js';
import { plural } from './parts.js';

let number = 0;

/** The files of a drop, those of folders with their path. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, name: file.name }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    found.push({ file, name: entry.fullPath.replace(/^\//, '') });
    return;
  }
  const reader = entry.createReader();
  // A reader gives a part of a folder at a time, and nothing at its end.
  for (let part; (part = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); })).length; ) {
    for (const each of part) if (!each.name.startsWith('.')) await walk(each, found);
  }
}

/** What a picker chose. */
export const picked = (input) => [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));

/** Sends files, one after the other. */
export async function upload(files) {
  const { setup } = app.state;
  const uploads = files.map(({ file, name }) => ({ key: (number += 1), file, name, sent: 0, error: null, isReading: false }));
  app.set({ uploads: [...app.state.uploads, ...uploads] });
  let taken = 0;
  for (const one of uploads) {
    const most = setup?.limits?.max_upload_bytes;
    try {
      if (most && one.file.size > most) throw new ApiError(413, { message: `It has ${one.file.size} bytes; the service takes ${most}.` });
      const answer = await send(one);
      const got = answer.data ?? [answer];
      chooseFiles([...app.state.files.filter(({ id }) => !got.some((file) => file.id === id)), ...got]);
      taken += got.length;
      forget(one);
    } catch (error) {
      if (error.status === 0) offline();
      one.error = error;
      app.changed();
    }
  }
  say(taken ? `${plural(taken, 'file')} read.` : 'No file was taken.');
}

export const forget = (one) => app.set({ uploads: app.state.uploads.filter((each) => each !== one) });

// A fetch does not tell how far a body is.
function send(one) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append('purpose', 'user_data');
    form.append('file', one.file, one.name);
    request.open('POST', '/v1/files');
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => {
      one.sent = total ? loaded / total : 0;
      one.isReading = loaded === total;
      app.changed();
    };
    request.onerror = () => reject(new ApiError(0, { message: 'The service does not answer.' }));
    request.onload = async () => {
      if (request.status >= 300) reject(await refusal(request.status, request.responseText));
      else resolve(JSON.parse(request.responseText));
    };
    request.send(form);
  });
}
