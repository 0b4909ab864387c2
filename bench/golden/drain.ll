; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define noundef i64 @drain_rust(ptr noalias noundef align 8 captures(none) dereferenceable(216) %v1) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v2 = alloca [56 x i8], align 8
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 120
  %v4 = load i64, ptr %v3, align 8
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 128
  %v6 = getelementptr inbounds nuw i8, ptr %v1, i64 168
  %v7 = load i64, ptr %v6, align 8
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 40
  tail call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v8, ptr noundef nonnull align 8 dereferenceable(24) %v5, i64 24, i1 false)
  %v9 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  store i64 %v4, ptr %v9, align 8
  %v10 = tail call noundef i64 @llvm.umin.i64(i64 %v7, i64 1073741824)
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  store i64 %v10, ptr %v11, align 8
  %v12 = getelementptr inbounds nuw i8, ptr %v1, i64 72
  store i64 0, ptr %v12, align 8
  %v13 = getelementptr inbounds nuw i8, ptr %v1, i64 80
  tail call void @llvm.memset.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) %v13, i8 -1, i64 16, i1 false)
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 112
  %v15 = load i64, ptr %v14, align 8
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 208
  %v17 = load i32, ptr %v16, align 8
  %v18 = zext i32 %v17 to i64
  %v19 = add nsw i64 %v18, -8
  %v20 = getelementptr inbounds nuw i8, ptr %v1, i64 200
  %v21 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  %v22 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v23 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  %v24 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  br label %b1
b1:
  %v25 = phi i64 [ 0, %b0 ], [ %v26, %b9 ]
  %v27 = phi i64 [ 0, %b0 ], [ %v28, %b9 ]
  %v29 = phi i64 [ %v15, %b0 ], [ %v30, %b9 ]
  %v31 = icmp eq i64 %v27, 0
  br i1 %v31, label %b7, label %b2
b2:
  %v32 = phi i64 [ %v33, %b5 ], [ %v29, %b1 ]
  %v34 = phi i64 [ %v35, %b5 ], [ %v27, %b1 ]
  %v36 = and i64 %v32, %v19
  %v37 = load ptr, ptr %v20, align 8
  %v38 = getelementptr inbounds nuw i8, ptr %v37, i64 %v36
  %v39 = load atomic i32, ptr %v38 monotonic, align 4
  fence acquire
  %v40 = zext i32 %v39 to i64
  %v41 = add nuw nsw i64 %v40, 15
  %v42 = and i64 %v41, 8589934584
  %v43 = icmp ugt i64 %v42, %v34
  br i1 %v43, label %b3, label %b6
b3:
  %v44 = icmp sgt i32 %v39, -1
  br i1 %v44, label %b4, label %b7
b4:
  %v45 = and i32 %v39, 1073741823
  %v46 = add nuw nsw i32 %v45, 15
  %v47 = and i32 %v46, 2147483640
  %v48 = zext nneg i32 %v47 to i64
  %v49 = icmp samesign ult i64 %v34, %v48
  br i1 %v49, label %b7, label %b5
b5:
  %v50 = load i64, ptr %v12, align 8
  %v51 = add i64 %v50, 1
  store i64 %v51, ptr %v12, align 8
  %v33 = add i64 %v32, %v48
  %v35 = sub nuw nsw i64 %v34, %v48
  %v52 = icmp eq i64 %v35, 0
  br i1 %v52, label %b7, label %b2
b6:
  %v53 = add i64 %v42, %v32
  %v54 = sub nuw i64 %v34, %v42
  %v55 = load ptr, ptr %v20, align 8
  %v56 = getelementptr i8, ptr %v55, i64 %v36
  br label %b9
b7:
  %v57 = phi i64 [ 0, %b1 ], [ 0, %b5 ], [ %v34, %b4 ], [ %v34, %b3 ]
  %v58 = phi i64 [ %v29, %b1 ], [ %v33, %b5 ], [ %v32, %b4 ], [ %v32, %b3 ]
  call void @llvm.lifetime.start.p0(ptr nonnull %v2)
  call void @step(ptr noalias noundef nonnull sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v2, ptr noundef nonnull align 8 %v1, i64 noundef %v58, i64 noundef %v57, i64 noundef %v25)
  %v59 = load i64, ptr %v2, align 8
  %v60 = load i64, ptr %v21, align 8
  %v61 = load i64, ptr %v22, align 8
  %v62 = load i64, ptr %v23, align 8
  %v63 = load i32, ptr %v24, align 8
  call void @llvm.lifetime.end.p0(ptr nonnull %v2)
  %v64 = icmp eq i64 %v62, 4
  br i1 %v64, label %b8, label %b10
b8:
  %v65 = and i64 %v61, %v19
  %v66 = load ptr, ptr %v20, align 8
  %v67 = getelementptr i8, ptr %v66, i64 %v65
  %v68 = zext i32 %v63 to i64
  br label %b9
b9:
  %v69 = phi i64 [ %v68, %b8 ], [ %v40, %b6 ]
  %v28 = phi i64 [ %v60, %b8 ], [ %v54, %b6 ]
  %v70 = phi ptr [ %v67, %b8 ], [ %v56, %b6 ]
  %v30 = phi i64 [ %v59, %b8 ], [ %v53, %b6 ]
  %v26 = add i64 %v25, 1
  %v71 = getelementptr i8, ptr %v70, i64 8
  tail call void @on_sample(ptr noundef nonnull %v71, i64 noundef %v69)
  br label %b1
b10:
  tail call void @end_batch(ptr noalias noundef nonnull align 8 dereferenceable(216) %v1, i64 noundef %v59, i64 noundef %v60, i64 noundef %v25)
  ret i64 %v25
}
