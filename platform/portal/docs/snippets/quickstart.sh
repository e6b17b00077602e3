PORTAL=http://localhost:8000
KEY="Authorization: Bearer $MUTOSCOPE_API_KEY"

# 1. Send the picture and the sentence. The answer comes at once and holds the video's id.
ANSWER=$(curl -sS "$PORTAL/v1/videos" -H "$KEY" \
  -H "Idempotency-Key: first-try-$(date +%s)" \
  -F image=@photo.jpg \
  -F prompt="The camera zooms in slowly" \
  -F preset=fast)
VIDEO=$(echo "$ANSWER" | grep -o 'vid_[0-9a-f]*' | head -n 1)
echo "${VIDEO:-$ANSWER}"

# 2. Wait. The server holds each answer back for up to 30 seconds until something changes.
STATUS=${VIDEO:+queued}
while [ "$STATUS" = queued ] || [ "$STATUS" = in_progress ]; do
  STATUS=$(curl -sS --fail-with-body "$PORTAL/v1/videos/$VIDEO?wait=30" -H "$KEY" |
    grep -o '"status":"[a-z_]*"' | cut -d '"' -f 4)
  echo "$STATUS"
done

# 3. Fetch the film, if there is one.
if [ "$STATUS" = completed ]; then
  curl -sS --fail-with-body "$PORTAL/v1/videos/$VIDEO/content" -H "$KEY" --output video.mp4
fi
